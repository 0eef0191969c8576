"""Recordings of commands on a terminal: run in a pty, drawn as an animated SVG."""
