"""Posts, and Circle: the newest posts of the people one follows."""
