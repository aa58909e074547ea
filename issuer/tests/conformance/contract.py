"""The answers of the issuer that the contract's file does not name. They have the contract's own form of an
error, which is checked; everything else of the file stands as it is."""

import schemathesis

ACCEPTED = {
    "clusters.createWorkerBootstrap": {
        "400": "the file limits ttl_seconds, headers and fields, and names no answer to what is beyond",
        "409": "an idempotency key that was used for another request",
        "413": "a body beyond 64 KiB",
        "415": "a body that is not JSON",
    },
    "clusters.listWorkerBootstraps": {
        "400": "the file limits limit and headers, and names no answer to what is beyond",
    },
    "clusters.getWorkerBootstrap": {
        "400": "the file limits akua-context, and names no answer to what is beyond",
    },
    "clusters.revokeWorkerBootstrap": {
        "400": "the file requires if-match, limits headers, and names no answer to what is missing or beyond",
        "413": "a body beyond 64 KiB",
    },
}


@schemathesis.hook
def before_load_schema(context, raw_schema):
    error = {"$ref": "#/components/schemas/ApiErrorResponse"}
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for status, reason in ACCEPTED[operation["operationId"]].items():
                assert status not in operation["responses"], (operation["operationId"], status)
                content = {"application/json": {"schema": error}}
                operation["responses"][status] = {"description": reason, "content": content}
