"""Those beside whom the service is measured, and the function that all of them compute."""
