/* gRPC's statuses and our error codes. */
#include "lib/net/grpc.h"

enum grpc_status grpc_status_of(enum err_code code)
{
	static const enum grpc_status of[] = {
		[ERR_NONE] = GRPC_OK,
		[ERR_USAGE] = GRPC_INVALID_ARGUMENT,
		[ERR_INPUT] = GRPC_INVALID_ARGUMENT,
		[ERR_AUTH] = GRPC_UNAUTHENTICATED,
		[ERR_DENIED] = GRPC_PERMISSION_DENIED,
		[ERR_NOT_FOUND] = GRPC_NOT_FOUND,
		[ERR_EXISTS] = GRPC_ALREADY_EXISTS,
		[ERR_LIMIT] = GRPC_RESOURCE_EXHAUSTED,
		[ERR_BUSY] = GRPC_UNAVAILABLE,
		[ERR_UNREACHABLE] = GRPC_UNAVAILABLE,
		[ERR_TIMEOUT] = GRPC_DEADLINE_EXCEEDED,
		[ERR_PROTOCOL] = GRPC_INTERNAL,
		[ERR_IO] = GRPC_INTERNAL,
		[ERR_CORRUPT] = GRPC_INTERNAL,
		[ERR_NOMEM] = GRPC_RESOURCE_EXHAUSTED,
	};

	return of[code];
}

enum err_code grpc_err_code(enum grpc_status status)
{
	switch (status) {
	case GRPC_OK:
		return ERR_NONE;
	case GRPC_INVALID_ARGUMENT:
		return ERR_INPUT;
	case GRPC_DEADLINE_EXCEEDED:
		return ERR_TIMEOUT;
	case GRPC_NOT_FOUND:
		return ERR_NOT_FOUND;
	case GRPC_ALREADY_EXISTS:
	case GRPC_FAILED_PRECONDITION:
		return ERR_EXISTS;
	case GRPC_PERMISSION_DENIED:
		return ERR_DENIED;
	case GRPC_RESOURCE_EXHAUSTED:
		return ERR_BUSY;
	case GRPC_CANCELLED:
	case GRPC_UNAVAILABLE:
		return ERR_UNREACHABLE;
	case GRPC_UNAUTHENTICATED:
		return ERR_AUTH;
	case GRPC_UNKNOWN:
	case GRPC_UNIMPLEMENTED:
	case GRPC_INTERNAL:
		return ERR_PROTOCOL;
	}
	return ERR_PROTOCOL; /* a number that this list does not name */
}
