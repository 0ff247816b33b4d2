"""Where units run: on threads of this process, or on Ray actors."""
