/* Paths as text. */
#include "lib/kube/kubectl_path.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

enum { PATH_LEN_MAX = 1024 * 1024 };

/* Takes the last part off, unless there is none that could be taken ("", "..", "../.."). */
static bool drop_last(struct buf *out, size_t root)
{
	size_t at = out->len;

	while (at > root && out->at[at - 1] != '/')
		at--;
	if (at == out->len || (out->len - at == 2 && memcmp(out->at + at, "..", 2) == 0))
		return false;
	out->len = at > root ? at - 1 : root;
	return true;
}

char *kubectl_path_clean(const char *path)
{
	struct span rest = span_of(path), part;
	bool rooted = path[0] == '/';
	struct buf out;

	buf_init(&out, PATH_LEN_MAX);
	if (rooted)
		(void)buf_put_char(&out, '/');
	while (span_take_part(&rest, '/', &part)) {
		if (part.len == 0 || span_equal(part, SPAN(".")))
			continue;
		if (span_equal(part, SPAN("..")) && (drop_last(&out, rooted) || rooted))
			continue;
		if (out.len > (size_t)rooted)
			(void)buf_put_char(&out, '/');
		(void)buf_put_span(&out, part);
	}
	if (out.len == 0)
		(void)buf_put_char(&out, '.');
	return buf_take_str(&out);
}

char *kubectl_path_join(const char *folder, const char *name)
{
	AUTO_FREE char *both = mem_printf("%s%s%s", folder, folder[0] && name[0] ? "/" : "", name);

	return both[0] ? kubectl_path_clean(both) : mem_dup_str("");
}

char *kubectl_path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *front = mem_dup(path, slash ? (size_t)(slash - path) + 1 : 0);

	return kubectl_path_clean(front);
}

char *kubectl_path_base(const char *path)
{
	size_t end = strlen(path), at;

	if (end == 0)
		return mem_dup_str(".");
	while (end > 0 && path[end - 1] == '/')
		end--;
	if (end == 0)
		return mem_dup_str("/");
	for (at = end; at > 0 && path[at - 1] != '/';)
		at--;
	return mem_dup(path + at, end - at);
}

static bool leads_up(const char *path)
{
	return strcmp(path, "..") == 0 || strncmp(path, "../", 3) == 0;
}

bool kubectl_path_is_below(const char *folder, const char *path)
{
	size_t len = strlen(folder);

	if (strcmp(folder, path) == 0)
		return true;
	if (strcmp(folder, ".") == 0)
		return path[0] != '/' && !leads_up(path);
	if (strcmp(folder, "/") == 0)
		return path[0] == '/';
	return strncmp(folder, path, len) == 0 && path[len] == '/' && !leads_up(path + len + 1);
}

char *kubectl_path_strip(const char *path)
{
	while (strncmp(path, "../", 3) == 0)
		path += 3;
	if (strcmp(path, ".") == 0 || strcmp(path, "..") == 0)
		path = "";
	return mem_dup_str(path[0] == '/' ? path + 1 : path);
}
