"""What feed remembers. The only room with SQL and Redis commands."""
