"""The prompt debugger: take a recorded call apart, change it, send it again; compare variants; replay a run."""
