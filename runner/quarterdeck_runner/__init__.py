"""The Quarterdeck runner."""
