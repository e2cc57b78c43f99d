"""The endpoints, in process."""
