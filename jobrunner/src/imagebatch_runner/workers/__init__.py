"""The processes in which foreign bytes meet decoders."""
