"""RFC 6962 trees: our fast forms against the definition, and every tampering found."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.domain import merkle

LARGEST = 200
PUBLISHED_INPUTS = [
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]  # fmt: skip
PUBLISHED_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def root_by_definition(entries):
    """MTH(D[n]) word for word: RFC 6962, 2.1."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    parts = root_by_definition(entries[:split]), root_by_definition(entries[split:])
    return hashlib.sha256(b"\1" + parts[0] + parts[1]).digest()


def grown(entries):
    nodes, tree = {}, merkle.GrowingTree()
    for entry in entries:
        nodes.update(((level, index), value) for level, index, value in tree.append(entry))
    return tree, lambda level, index: nodes[level, index]


ENTRIES = [f"entry {n}".encode() for n in range(LARGEST)]
TREE, READ = grown(ENTRIES)
ROOTS = [root_by_definition(ENTRIES[:size]) for size in range(LARGEST + 1)]
SIZES = st.integers(1, LARGEST)


@pytest.mark.parametrize(("size", "root"), PUBLISHED_ROOTS.items())
def test_published_trees_have_the_published_roots(size, root):
    tree, read = grown([bytes.fromhex(text) for text in PUBLISHED_INPUTS[:size]])
    assert tree.root().hex() == root
    assert merkle.tree_root(read, size).hex() == root


def test_every_size_has_the_root_of_the_definition():
    for size in range(LARGEST + 1):
        assert merkle.tree_root(READ, size) == ROOTS[size]
        assert grown(ENTRIES[:size])[0].root() == ROOTS[size]


def test_every_entry_of_every_size_is_proven_included():
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = merkle.inclusion_proof(READ, index, size)
            assert merkle.is_included(ENTRIES[index], index, size, proof, ROOTS[size])


def test_every_pair_of_sizes_is_proven_consistent():
    for second in range(1, LARGEST + 1):
        for first in range(1, second + 1):
            proof = merkle.consistency_proof(READ, first, second)
            assert merkle.is_consistent(first, second, ROOTS[first], ROOTS[second], proof)


def test_a_tree_continues_from_its_stored_frontier():
    for size in range(LARGEST):
        frontier = [READ(level, index) for level, index in merkle.frontier_of(size)]
        tree = merkle.GrowingTree(size, frontier)
        assert tree.root() == ROOTS[size]
        tree.append(ENTRIES[size])
        assert tree.root() == ROOTS[size + 1]


def test_a_frontier_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="2 frontier nodes"):
        merkle.GrowingTree(3, [bytes(32)])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3), (4, 3)])
def test_no_proof_for_an_entry_outside_the_tree(index, size):
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_proof(READ, index, size)
    assert not merkle.is_included(b"", index, size, (), ROOTS[max(size, 0)])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3), (-1, 3)])
def test_no_proof_for_a_prefix_that_cannot_be(first, second):
    with pytest.raises(ValueError, match="no prefix"):
        merkle.consistency_proof(READ, first, second)
    assert not merkle.is_consistent(first, second, ROOTS[0], ROOTS[3], ())


def flipped(value, bit):
    changed = bytearray(value)
    changed[bit // 8 % len(changed)] ^= 1 << bit % 8
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), size=SIZES, bit=st.integers(0, 255))
def test_a_tampered_inclusion_is_found(data, size, bit):
    index = data.draw(st.integers(0, size - 1))
    proof = list(merkle.inclusion_proof(READ, index, size))
    root, entry = ROOTS[size], ENTRIES[index]
    assert not merkle.is_included(flipped(entry, bit), index, size, proof, root)
    assert not merkle.is_included(entry, index, size, proof, flipped(root, bit))
    assert not merkle.is_included(entry, index, size, [*proof, bytes(32)], root)
    if size > 1:
        other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
        assert not merkle.is_included(entry, other, size, proof, root)
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.is_included(entry, index, size, proof[:place], root)
        proof[place] = flipped(proof[place], bit)
        assert not merkle.is_included(entry, index, size, proof, root)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), second=SIZES, bit=st.integers(0, 255))
def test_a_tampered_consistency_is_found(data, second, bit):
    first = data.draw(st.integers(1, second))
    proof = list(merkle.consistency_proof(READ, first, second))
    old, new = ROOTS[first], ROOTS[second]
    assert not merkle.is_consistent(first, second, flipped(old, bit), new, proof)
    assert not merkle.is_consistent(first, second, old, flipped(new, bit), proof)
    assert not merkle.is_consistent(first, second, old, new, [*proof, bytes(32)])
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.is_consistent(first, second, old, new, proof[:place])
        proof[place] = flipped(proof[place], bit)
        assert not merkle.is_consistent(first, second, old, new, proof)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), second=st.integers(2, LARGEST))
def test_a_rewritten_history_has_no_consistency_proof(data, second):
    """A forger who recomputes everything, proof included, still cannot keep the old root."""
    first = data.draw(st.integers(1, second))
    changed = data.draw(st.integers(0, first - 1))
    _, read = grown([*ENTRIES[:changed], b"forged", *ENTRIES[changed + 1 : second]])
    proof = merkle.consistency_proof(read, first, second)
    forged_root = merkle.tree_root(read, second)
    assert not merkle.is_consistent(first, second, ROOTS[first], forged_root, proof)
