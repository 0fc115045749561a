"""The one place that states the version of ataraxis-data-structures."""

__version__ = "3.2.0"
