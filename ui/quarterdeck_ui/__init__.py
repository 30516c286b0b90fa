"""The Quarterdeck ui."""
