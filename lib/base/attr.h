/* Compiler attributes that the tree uses, under one name for gcc and clang. */
#ifndef MK8S_BASE_ATTR_H
#define MK8S_BASE_ATTR_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(member_at, type, member) \
	((type *)(void *)((char *)(member_at) - offsetof(type, member)))

#endif
