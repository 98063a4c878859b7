/* SPDX-License-Identifier: Apache-2.0
 *
 * Flags of kube-controller-manager by their real names, so that a scenario can set them and a
 * misspelt one is refused.
 */
#include "sim/base/base.h"

#include "cluster/controllers/manager.h"

const struct controller_flag_info controller_flag_table[] = {
#define FLAG(field, name, type, default, help)                                                     \
    {name, FLAG_##type, default, help, offsetof(struct controller_flags, field)},
#include "cluster/controllers/flags.def"
#undef FLAG
};
const size_t controller_flag_count = ARRAY_COUNT(controller_flag_table);

static int64_t *field_of(struct controller_flags *flags, const struct controller_flag_info *info)
{
    return (int64_t *)(void *)((char *)flags + info->offset);
}

void controller_flags_init(struct controller_flags *flags)
{
    *flags = (struct controller_flags){0};
    for (size_t i = 0; i < controller_flag_count; i++)
        *field_of(flags, &controller_flag_table[i]) = controller_flag_table[i].default_value;
}

/* "0.1" is 100, "2" is 2000. */
static bool parse_milli(struct str s, int64_t *ret_milli)
{
    struct str fraction, whole = str_cut(s, '.', &fraction);
    int64_t units, milli = 0, scale = 100;
    if (!str_to_int64(whole, &units) || units < 0 || fraction.size > 3)
        return false;
    for (size_t i = 0; i < fraction.size; i++, scale /= 10) {
        if (fraction.bytes[i] < '0' || fraction.bytes[i] > '9')
            return false;
        milli += (fraction.bytes[i] - '0') * scale;
    }
    *ret_milli = units * 1000 + milli;
    return true;
}

static bool parse(enum controller_flag_type type, struct str text, int64_t *ret_value)
{
    struct duration d;
    switch (type) {
    case FLAG_INTEGER:
        return str_to_int64(text, ret_value);
    case FLAG_BOOLEAN:
        *ret_value = str_equal(text, S("true"));
        return *ret_value || str_equal(text, S("false"));
    case FLAG_DURATION:
        if (!duration_parse(text, &d))
            return false;
        *ret_value = d.ns;
        return true;
    case FLAG_MILLI:
        return parse_milli(text, ret_value);
    }
    return false;
}

enum err controller_flags_set(struct controller_flags *flags, struct str name, struct str value,
                              struct errmsg *message)
{
    static const char *const expected[] = {"a whole number", "true or false",
                                           "a duration such as 50s",
                                           "a decimal number with at most 3 places"};
    for (size_t i = 0; i < controller_flag_count; i++) {
        const struct controller_flag_info *info = &controller_flag_table[i];
        if (!str_equal(name, str_from(info->name)))
            continue;
        int64_t parsed;
        if (!parse(info->type, value, &parsed))
            return errmsg_set(message, ERR_VALUE, "kube-controller-manager: --%s=%.*s: expected %s",
                              info->name, STR_ARG(value), expected[info->type]);
        *field_of(flags, info) = parsed;
        return ERR_OK;
    }
    return errmsg_set(message, ERR_UNKNOWN, "unknown flag --%.*s of kube-controller-manager",
                      STR_ARG(name));
}
