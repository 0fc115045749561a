"""The one place that states the version of ataraxis-yamlconfig."""

__version__ = "1.0.0"
