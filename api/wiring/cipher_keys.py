"""Rotation of the keys CMD clients encrypt to, put together."""

from api.cipher_keys import CipherKeyRotation
from api.wiring.services import Services


def cipher_key_rotation(services: Services) -> CipherKeyRotation:
    """For commands and set-up; servers only decrypt."""
    name = services.settings.service_name

    def common_name(number: int) -> str:
        return f"{name} field encryption {number}"

    return CipherKeyRotation(
        keys=services.device.sam.ciphers,
        token=services.device.sam_config,
        clock=services.stores.clock,
        common_name=common_name,
        record=services.stores.audit_log.record,
    )
