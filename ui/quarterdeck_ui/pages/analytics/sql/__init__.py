"""A reader's own queries: reading only, limited, with examples."""
