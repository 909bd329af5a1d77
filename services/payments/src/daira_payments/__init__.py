"""Charges, refunds and disbursements through Fawry and Vodafone Cash."""
