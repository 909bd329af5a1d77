"""What people are told: notifications, push, chat and presence."""
