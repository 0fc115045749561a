"""The one place that states the version of ataraxis-nested."""

__version__ = "1.0.0"
