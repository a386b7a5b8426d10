"""ControlNets and T2I adapters: pictures that steer a network's features at each step."""
