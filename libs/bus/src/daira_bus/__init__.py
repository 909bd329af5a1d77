"""The delivery contract over Kafka: outbox relay, consumer loop with inbox and DLQ, broadcast reader, jobs.

The only package that speaks to Kafka.
"""
