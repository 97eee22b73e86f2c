"""Which held attributes answer a request's demands."""

from collections.abc import Sequence
from datetime import datetime

from signer.domain.attribute import ProfessionalAttribute, RequiredAttribute
from signer.domain.errors import AttributeNotHeldError


def select(
    required: Sequence[RequiredAttribute], held: Sequence[ProfessionalAttribute], at: datetime
) -> tuple[ProfessionalAttribute, ...]:
    """One attribute per demand, in the demands' order.

    Of several that satisfy a demand, the one that is valid longest, then the smallest id; the same
    attribute may answer two demands and then appears once.  Raises AttributeNotHeldError naming
    every demand that nothing answers: say it only after the PIN was right.
    """
    chosen: list[ProfessionalAttribute] = []
    lacking: list[str] = []
    for demand in required:
        answers = [one for one in held if one.satisfies(demand) and _is_valid(one, at)]
        if answers:
            best = min(answers, key=lambda one: (-one.valid_until.timestamp(), one.id))
            if best not in chosen:
                chosen.append(best)
        else:
            lacking.append(_named(demand))
    if lacking:
        raise AttributeNotHeldError(f"not held: {', '.join(lacking)}")
    return tuple(chosen)


def still_held(
    chosen: Sequence[ProfessionalAttribute], held: Sequence[ProfessionalAttribute], at: datetime
) -> bool:
    """Tell whether each chosen attribute is held now and says exactly what it said."""
    now = {one.canonical() for one in held if _is_valid(one, at)}
    return all(one.canonical() in now for one in chosen)


def _is_valid(attribute: ProfessionalAttribute, at: datetime) -> bool:
    return attribute.valid_from <= at < attribute.valid_until


def _named(demand: RequiredAttribute) -> str:
    pairs = " ".join(f"{name}={value}" for name, value in demand.sub_attributes)
    return f"{demand.provider}/{demand.role}" + (f" ({pairs})" if pairs else "")
