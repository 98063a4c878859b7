/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of cel/: syntax trees, types, values; shared by its files.
 */
#ifndef CLUSTER_API_CEL_CEL_PRIVATE_H
#define CLUSTER_API_CEL_CEL_PRIVATE_H

#include "cluster/api/cel/cel.h"
#include "sim/base/arena.h"
#include "sim/base/vec.h"

#define CEL_DEPTH_MAX 250
#define CEL_CHAIN_MAX 2000 /* of one operator, or of selections */
#define CEL_STEPS_MAX 1000000

/* ---- types ---- */

enum cel_kind {
    CEL_DYN,
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_LIST,
    CEL_MAP,
    CEL_OBJECT,
    CEL_TIMESTAMP,
    CEL_DURATION,
    CEL_OPTIONAL,
    CEL_QUANTITY,
    CEL_ERROR, /* of values only */
    CEL_KIND_COUNT
};
struct cel_type {
    enum cel_kind kind;
    struct value schema;            /* CEL_OBJECT */
    bool is_resource;               /* CEL_OBJECT: apiVersion, kind and metadata are there */
    const struct cel_type *element; /* of a list's items, a map's values, an optional; NULL: dyn */
};

/* ---- trees ---- */

enum cel_node_kind {
    NODE_LITERAL,
    NODE_IDENT,
    NODE_SELECT,     /* a.name */
    NODE_OPT_SELECT, /* a.?name */
    NODE_HAS,        /* has(a.name) */
    NODE_INDEX,      /* a[b] */
    NODE_OPT_INDEX,  /* a[?b] */
    NODE_CALL,       /* name(args) or a.name(args) */
    NODE_LIST,
    NODE_MAP,    /* args: key, value, key, value */
    NODE_NOT,    /* !a */
    NODE_NEGATE, /* -a */
    NODE_BINARY, /* a name b */
    NODE_AND,
    NODE_OR,
    NODE_CONDITIONAL, /* a ? b : c */
    NODE_MACRO,       /* a.name(variable, b[, c]): all, exists, exists_one, map, filter */
    NODE_BIND         /* cel.bind(variable, a, b) */
};
struct cel_function;
struct cel_node {
    enum cel_node_kind kind;
    size_t at; /* in the source */
    struct str name, variable;
    struct value literal;
    struct cel_node *a, *b, *c;
    struct cel_node **args;
    size_t arg_count;
    struct cel_type type;
    const struct cel_function *function; /* of a call, once it is checked */
};

struct cel_program {
    struct arena arena;
    struct text source;
    struct cel_environment environment;
    VEC(struct value) literals;
    struct cel_node *root;
    struct cel_type self;
    bool uses_old;
};

/* NULL, and `why` is set. */
struct cel_node *cel_parse(struct cel_program *p, struct text *why);
/* False, and `why` is set. */
bool cel_check(struct cel_program *p, struct text *why);
/* "ERROR: <input>:1:6: undefined field 'x'" with the line and a mark below it. */
void cel_issue(const struct cel_program *p, size_t at, struct text *why, const char *format, ...)
    PRINTF_LIKE(4, 5);

struct cel_type cel_type_of_schema(struct arena *arena, struct value schema, bool is_resource);
/* The type of a member of an object; false: it has none such. `key` is as it stands in JSON. */
bool cel_type_member(struct arena *arena, const struct cel_type *object, struct str key,
                     struct cel_type *ret_type);
/* Names that are no identifiers are written with escapes: "a__dash__b". */
void cel_unescape(struct str name, struct text *out);
void cel_type_text(const struct cel_type *t, struct text *out);

/* ---- values ---- */

struct cel_value {
    enum cel_kind kind;
    struct value v; /* borrowed: of the bindings, of the program, or kept by the evaluation */
    int64_t ns;     /* CEL_INT; CEL_TIMESTAMP: since 1970; CEL_DURATION */
    double number;  /* CEL_DOUBLE */
    const char *error;
    enum cel_kind inner;          /* CEL_OPTIONAL: of what; CEL_ERROR: none */
    const struct cel_value *held; /* CEL_OPTIONAL; NULL: none */
};
struct cel_variable {
    struct str name;
    struct cel_value value;
    const struct cel_variable *outer;
};
struct cel_run {
    const struct cel_program *program;
    const struct cel_bindings *bindings;
    struct arena arena;        /* texts of errors */
    VEC(struct value) garbage; /* owned until the end */
    uint64_t steps;
};
struct cel_value cel_eval(struct cel_run *r, const struct cel_node *n,
                          const struct cel_variable *variables);
struct cel_value cel_error(struct cel_run *r, const char *format, ...) PRINTF_LIKE(2, 3);
struct cel_value cel_keep(struct cel_run *r, struct value own); /* by the kind of the value */
struct cel_value cel_string(struct cel_run *r, struct str s);
struct cel_value cel_bool(bool b);
struct cel_value cel_int(int64_t n);
struct cel_value cel_double(double d);
/* A JSON value as what the type says it is. */
struct cel_value cel_from(struct cel_run *r, struct value v, const struct cel_type *type);
/* As JSON; what has no such form is text. Borrowed. */
struct value cel_to_json(struct cel_run *r, struct cel_value v);
bool cel_equal(struct cel_value a, struct cel_value b);
/* False: they have no order. */
bool cel_compare(struct cel_value a, struct cel_value b, int *ret_order);
struct cel_value cel_none(void);
struct cel_value cel_some(struct cel_run *r, struct cel_value v);
struct cel_value cel_unwrap(struct cel_value optional); /* of one that has a value */

/* ---- functions ---- */

#define CEL_ARGS_MAX 4
struct cel_function {
    const char *name;
    bool is_member;
    enum cel_kind args[CEL_ARGS_MAX]; /* the receiver first */
    size_t count;
    enum cel_kind result;
    enum cel_kind element; /* of a list that it gives */
    struct cel_value (*call)(struct cel_run *r, const struct cel_value *args);
};
extern const struct cel_function cel_functions[];
extern const size_t cel_function_count;

#endif
