"""`python -m ataraxis_logger.cli`, for where scripts are not on the path."""

from ataraxis_logger.cli import main

if __name__ == "__main__":
    main()
