"""The process in which code of users is imported and run: whatever it does there, the runner goes on."""
