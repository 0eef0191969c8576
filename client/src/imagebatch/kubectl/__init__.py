"""The kubectl plugin ``kubectl imagebatch``: the command, over a port-forward to the gateway."""
