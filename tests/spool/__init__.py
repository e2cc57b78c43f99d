"""Large bodies are on disk, nothing of them stays, and a disk without room is a problem of the service."""
