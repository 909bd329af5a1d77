"""What one request, event or error set in motion, put together from the topics, the dead letters and the logs."""
