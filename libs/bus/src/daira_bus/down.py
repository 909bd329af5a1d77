"""What tools above the bus catch when a broker does not answer; services never see these."""

from aiokafka.errors import KafkaError

from daira_bus.errors import BrokerUnavailable

BROKER_ERRORS: tuple[type[Exception], ...] = (KafkaError, BrokerUnavailable)
