"""Models: found in folders, recognised by their tensors, loaded when first used, shared between jobs.

A graph passes light handles; `parts` names the weights behind them and `store` keeps those in memory as room allows.
"""
