"""The engine as a client of the Lease API: claims jobs, computes them, reports progress and delivers results."""
