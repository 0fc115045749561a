"""The one place that states the version of ataraxis-logger."""

__version__ = "1.0.0"
