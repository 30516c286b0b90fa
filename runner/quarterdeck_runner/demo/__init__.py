"""The demo: a stand-in for the providers, and a program that keeps the examples running."""
