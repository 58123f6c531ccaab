/* Discovery documents: what is read is found again under its own name and has a path. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "lib/kube/discovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kube_discovery d = { 0 };
	struct err e = { 0 };

	if (kube_discovery_read(&d, span_from(data, size), NULL, &e))
		assert(e.code != ERR_NONE);
	for (size_t i = 0; i < d.count && i < 100; i++) {
		AUTO_BUF struct buf path = { .max = 1 << 20 };

		if (!strchr(d.at[i].plural, '.'))
			assert(kube_discovery_find(&d, d.at[i].plural));
		if (kube_resource_put_path(&path, &d.at[i], "ns", "name", &e) == 0)
			assert(path.len > 5 && !strstr(buf_str(&path), "//") && !strstr(buf_str(&path), "/../"));
	}
	kube_discovery_free(&d);
	return 0;
}
