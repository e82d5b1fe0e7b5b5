/* names.h - what Kubernetes takes as the name of a thing.
 *
 * Pure; threads: any.  The *_says texts complete "expected ...": what an operator should be told.
 */
#ifndef KUBE_NAMES_H
#define KUBE_NAMES_H

#include <stdbool.h>

extern const char names_label_says[];
extern const char names_subdomain_says[];
extern const char names_qualified_says[];
extern const char names_value_says[];
extern const char names_item_says[];

bool name_is_label(const char *s);       /* RFC 1123 label: a namespace; at most 63 */
bool name_is_subdomain(const char *s);   /* RFC 1123 subdomain: most objects; at most 253 */
bool name_is_qualified(const char *s);   /* [prefix/]name: keys of labels and annotations */
bool name_is_label_value(const char *s); /* maybe empty; at most 63 */
bool name_is_item(const char *s);        /* key in a Secret or ConfigMap; at most 253 */

#endif
