"""Where verification finds the files that detached references name."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from signer.xmldsig.references import ContentSource
from signer.xmldsig.signature import XMLSignature


class MissingContentError(Exception):
    """A detached file was not given."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Files by name."""

    files: Mapping[str, bytes]

    def source_for(self, signature: XMLSignature) -> ContentSource:
        """Bytes by name; a single file serves a single reference whatever its name.

        The source raises MissingContentError for what was not given.
        """
        uris = [reference.get("URI", "") for reference in signature.references]
        detached = {unquote(uri) for uri in uris if uri and not uri.startswith("#")}
        files = {unquote(name): content for name, content in self.files.items()}
        files |= self.files
        if len(detached) == 1 and len(self.files) == 1:
            (name,), (content,) = detached, self.files.values()
            files = {name: content}

        def source(uri: str) -> bytes:
            if uri not in files:
                raise MissingContentError("the signed content is needed")
            return files[uri]

        return source
