"""The one place that states the version of ataraxis-shm."""

__version__ = "1.0.0"
