"""What the API server lets us do, asked of itself: everybody may ask that about himself."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from kaitu.api.crd import GROUP, PLURAL
from kaitu.cluster.api import Api

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one kind; no namespace means all of them."""

    verb: str
    resource: str
    namespace: str = ""
    group: str = ""
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.verb} {self.resource}{f' {self.name}' if self.name else ''}"
        return f"{what} in {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"


def on_nodes(verb: str, namespace: str = "", part: str = "") -> Right:
    """A verb on KaituNodes, or on a subresource of theirs."""
    return Right(verb, f"{PLURAL}/{part}" if part else PLURAL, namespace, GROUP)


async def denied(api: Api, rights: Iterable[Right]) -> list[Right]:
    """Those that we do not have. Raises ``ApiError`` where that cannot be asked."""
    asked = tuple(rights)
    answers = await asyncio.gather(*(_allowed(api, one) for one in asked))
    return [right for right, yes in zip(asked, answers, strict=True) if not yes]


async def _allowed(api: Api, right: Right) -> bool:
    resource, _, part = right.resource.partition("/")
    about: dict[str, Any] = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": part,
        "namespace": right.namespace,
        "name": right.name,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": about},
    }
    return bool((await api.create(_REVIEWS, review))["status"]["allowed"])
