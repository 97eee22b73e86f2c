"""Merkle tree hashing of the audit log (RFC 6962, section 2; checks as in RFC 9162, 2.1.3, 2.1.4).

A *complete* node (level, index) covers the entries index·2^level … (index+1)·2^level - 1.  Complete
nodes never change when the tree grows, so a store keeps them and reads a handful per question.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from typing import Final

NodeReader = Callable[[int, int], bytes]
"""Gives the hash of the complete node (level, index); raises LookupError when there is none."""

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 | entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 | left | right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(read: NodeReader, size: int) -> bytes:
    """Merkle tree hash of the first ``size`` entries, from at most log2(size) + 1 nodes."""
    return _range_hash(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: NodeReader, index: int, size: int) -> tuple[bytes, ...]:
    """Audit path of entry ``index`` in the tree of ``size`` entries, lowest sibling first.

    Raises ValueError unless 0 <= index < size.
    """
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(read, middle, end))
            end = middle
        else:
            path.append(_range_hash(read, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(read: NodeReader, first: int, second: int) -> tuple[bytes, ...]:
    """Proof that the tree of ``first`` entries is a prefix of the tree of ``second`` entries.

    Empty when they are the same size.  Raises ValueError unless 0 < first <= second.
    """
    if not 0 < first <= second:
        raise ValueError(f"a tree of {second} entries has no prefix of {first}")
    path: list[bytes] = []
    start, end = 0, second
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_hash(read, middle, end))
            end = middle
        else:
            path.append(_range_hash(read, start, middle))
            start = middle
    # The old root itself is known to the verifier; any other common subtree is not.
    if start:
        path.append(_range_hash(read, start, end))
    return tuple(reversed(path))


def is_included(entry: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True only when ``entry`` is number ``index`` of the tree (``size``, ``root``)."""
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf_hash(entry)
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hmac.compare_digest(value, root)


def is_consistent(
    first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]
) -> bool:
    """True only when the tree (``first``, ``first_root``) is a prefix of the second one."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not proof and hmac.compare_digest(first_root, second_root)
    path = (first_root, *proof) if first & (first - 1) == 0 else tuple(proof)
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    same = hmac.compare_digest(old, first_root) & hmac.compare_digest(new, second_root)
    return last == 0 and same


def frontier_of(size: int) -> tuple[tuple[int, int], ...]:
    """Places (level, index) of the complete nodes that make up ``size`` entries, largest first."""
    places: list[tuple[int, int]] = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            places.append((level, start >> level))
            start += 1 << level
    return tuple(places)


class GrowingTree:
    """Appends entries while holding only the frontier; tells which nodes became complete."""

    def __init__(self, size: int = 0, frontier: Iterable[bytes] = ()) -> None:
        self.size = size
        self._frontier = list(frontier)
        if len(self._frontier) != size.bit_count():
            raise ValueError(f"a tree of {size} entries has {size.bit_count()} frontier nodes")

    def append(self, entry: bytes) -> tuple[tuple[int, int, bytes], ...]:
        """Add one entry; gives the nodes this completed: (level, index, hash), leaf first."""
        value = leaf_hash(entry)
        index = self.size
        completed = [(0, index, value)]
        level = 0
        while index & 1:
            value = node_hash(self._frontier.pop(), value)
            index >>= 1
            level += 1
            completed.append((level, index, value))
        self._frontier.append(value)
        self.size += 1
        return tuple(completed)

    def root(self) -> bytes:
        """Merkle tree hash of everything appended so far."""
        if not self._frontier:
            return EMPTY_ROOT
        value = self._frontier[-1]
        for left in reversed(self._frontier[:-1]):
            value = node_hash(left, value)
        return value


def _split(size: int) -> int:
    """The largest power of two smaller than ``size`` (RFC 6962, 2.1)."""
    return 1 << (size - 1).bit_length() - 1


def _range_hash(read: NodeReader, start: int, end: int) -> bytes:
    """Hash of the entries ``start`` … ``end`` - 1; ``start`` is where a subtree begins."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read(level, start >> level)
    middle = start + _split(size)
    return node_hash(_range_hash(read, start, middle), _range_hash(read, middle, end))
