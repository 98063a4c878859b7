/* SPDX-License-Identifier: Apache-2.0
 *
 * CEL: what expressions give, which are refused and how, and rules on objects.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>

#include "cluster/api/cel/cel.h"
#include "cluster/api/cel/rules.h"
#include "cluster/api/json.h"

static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{"
    "\"min\":{\"type\":\"integer\"},\"max\":{\"type\":\"integer\"},\"ratio\":{\"type\":\"number\"},"
    "\"name\":{\"type\":\"string\"},\"on\":{\"type\":\"boolean\"},"
    "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},"
    "\"wait\":{\"type\":\"string\",\"format\":\"duration\"},"
    "\"port\":{\"x-kubernetes-int-or-string\":true},"
    "\"a-b\":{\"type\":\"string\"},\"in\":{\"type\":\"string\"},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"numbers\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
    "\"labels\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},"
    "\"parts\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
    "\"name\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}}}}}}";
static const char self_text[] =
    "{\"min\":2,\"max\":5,\"ratio\":0.5,\"name\":\"web-\\u00e9\",\"on\":true,"
    "\"when\":\"2026-01-02T03:04:05Z\",\"wait\":\"1h30m\",\"port\":\"http\",\"a-b\":\"dash\","
    "\"in\":\"word\",\"tags\":[\"a\",\"b\"],\"numbers\":[3,1,2],"
    "\"labels\":{\"app\":\"web\",\"tier\":\"front\"},"
    "\"parts\":[{\"name\":\"x\",\"size\":1},{\"name\":\"y\",\"size\":2}]}";

static struct value json(const char *text)
{
    struct value v = VALUE_ABSENT;
    CU_ASSERT_EQUAL_FATAL(json_parse(str_from(text), NULL, &v, NULL), ERR_OK);
    return v;
}

static const char *const truths[] = {
    "true",
    "self.min < self.max",
    "self.min <= 2 && self.max >= 5 || false",
    "self.min + 3 == self.max",
    "self.max - self.min * 2 == 1",
    "7 / 2 == 3 && 7 % 2 == 1 && -7 / 2 == -3",
    "1 + 2 * 3 == 7 && (1 + 2) * 3 == 9",
    "0x1F == 31",
    "1.5 + 0.5 == 2.0 && 1 < 1.5",
    "self.ratio == 0.5",
    "!(self.min > self.max)",
    "self.on ? self.min == 2 : false",
    "has(self.min) && !has(self.labels.none) && has(self.labels.app)",
    "self.name.size() == 5 && size(self.name) == 5",
    "self.name.startsWith('web') && self.name.endsWith(\"\\u00e9\") && self.name.contains('eb-')",
    "self.name.matches('^[a-z]+-') && !self.name.matches(r'^\\d+$')",
    "'AbC'.lowerAscii() == 'abc' && 'AbC'.upperAscii() == 'ABC'",
    "'a,b,c'.split(',').size() == 3 && ['a', 'b'].join('-') == 'a-b'",
    "'hello'.substring(1, 3) == 'el' && 'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3",
    "'hello'.charAt(4) == 'o' && ' x '.trim() == 'x' && 'aXbX'.replace('X', '-') == 'a-b-'",
    "'abc 123'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']",
    "'%s is %d'.format(['n', 3]) == 'n is 3'",
    "self.tags == ['a', 'b'] && 'a' in self.tags && !('c' in self.tags)",
    "self.tags.all(t, t.size() == 1) && self.tags.exists(t, t == 'b')",
    "self.parts.exists_one(p, p.size == 2) && self.parts.existsOne(p, p.size > 1)",
    "self.parts.map(p, p.name) == ['x', 'y'] && self.parts.map(p, p.size > 1, p.name) == ['y']",
    "self.parts.filter(p, p.size > 1)[0].name == 'y'",
    "self.labels.all(k, self.labels[k] != '') && 'app' in self.labels",
    "self.labels['tier'] == 'front' && self.labels.app == 'web' && self.labels.size() == 2",
    "self.numbers.sum() == 6 && self.numbers.min() == 1 && self.numbers.max() == 3",
    "!self.numbers.isSorted() && [1, 2].isSorted() && self.numbers.indexOf(1) == 1",
    "self.tags + ['c'] == ['a', 'b', 'c']",
    "{'k': 1}['k'] == 1",
    "self.a__dash__b == 'dash' && self.__in__ == 'word'",
    "self.wait == duration('90m') && self.wait > duration('1h') && self.wait.getMinutes() == 90",
    "self.when < timestamp('2027-01-01T00:00:00Z')",
    "self.when + duration('1h') == timestamp('2026-01-02T04:04:05Z')",
    "self.port == 'http' || int(self.port) > 80",
    "int('42') == 42 && string(42) == '42' && double(2) == 2.0 && int(2.9) == 2",
    "quantity('1Gi').isGreaterThan(quantity('1G')) && isQuantity('100m') && !isQuantity('x')",
    "quantity('1500m').compareTo(quantity('1.5')) == 0",
    "sets.contains([1, 2, 3], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1], [1, 1])",
    "cel.bind(d, self.max - self.min, d * d == 9)",
    "self.?name.hasValue() && self.labels[?'none'].orValue('z') == 'z'",
    "optional.none().orValue(3) == 3 && optional.of(4).value() == 4",
    "false && 1 / 0 == 1 || true",
    "[1, 0].exists(x, 1 / x == 1)",
    "\"\"\"a \"quoted\" b\"\"\".size() == 12",
    "self.name == 'x' // and a comment\n || true",
};
static const struct {
    const char *expression, *error;
} failures[] = {
    {"1 / (self.min - 2) == 1", "division by zero"},
    {"9223372036854775807 + self.min == 0", "integer overflow"},
    {"self.labels['none'] == 'x'", "no such key: none"},
    {"self.tags[7] == 'x'", "index out of bounds: 7"},
    {"self.port < 3", "no such overload"},
    {"'x'.substring(3) == ''", "index out of range: 3"},
    {"'x'.matches('(')", "error parsing regexp: missing closing ): `(`"},
};
static const struct {
    const char *expression, *why;
} refusals[] = {
    {"self.foo > 1", "ERROR: <input>:1:5: undefined field 'foo'\n | self.foo > 1\n | ....^"},
    {"self.min > 'x'", "ERROR: <input>:1:10: found no matching overload for '_>_' applied to "
                       "'(int, string)'\n | self.min > 'x'\n | .........^"},
    {"other == 1", "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')"},
    {"self.min.nope()", "undeclared reference to 'nope' (in container '')"},
    {"self.name.startsWith(1)",
     "found no matching overload for 'startsWith' applied to 'string.(int)'"},
    {"self.min.all(x, true)",
     "expression of type 'int' cannot be range of a comprehension (must be "
     "list, map, or dynamic)"},
    {"self.min.x", "type 'int' does not support field selection"},
    {"self.min +", "ERROR: <input>:1:11: Syntax error: mismatched input '<EOF>'"},
    {"(true", "Syntax error: missing ')' at '<EOF>'"},
    {"true true", "Syntax error: extraneous input 'true' expecting <EOF>"},
    {"self.min & 1", "Syntax error: token recognition error at: '&'"},
    {"'abc", "Syntax error: token recognition error at: ''abc'"},
    {"has(self)", "invalid argument to has() macro"},
    {"1u == 1u", "unsigned integers are not supported"},
    {"!1", "found no matching overload for '!_' applied to '(int)'"},
    {"", "Syntax error: mismatched input '<EOF>'"},
};

static struct cel_program *compiled(struct value schema, const char *expression, struct text *why)
{
    const struct cel_environment e = {.schema = schema};
    return cel_compile(str_from(expression), &e, why);
}

/* Each of these holds of the object. */
static void test_truths(void)
{
    AUTO(value) struct value schema = json(schema_text);
    AUTO(value) struct value self = json(self_text);
    for (size_t i = 0; i < ARRAY_COUNT(truths); i++) {
        AUTO(text) struct text why = {0};
        struct cel_program *p = compiled(schema, truths[i], &why);
        struct cel_result r = {0};

        if (p)
            cel_evaluate(p, &(struct cel_bindings){.self = self}, &r);

        if (!p || !r.is_true)
            printf("\n  %s: %s%s\n", truths[i], text_c(&why), text_c(&r.error));
        CU_ASSERT(p != NULL && r.is_true && !r.has_failed);
        cel_result_release(&r);
        cel_free(p);
    }
}

static void test_failures(void)
{
    AUTO(value) struct value schema = json(schema_text);
    AUTO(value) struct value self = json(self_text);
    for (size_t i = 0; i < ARRAY_COUNT(failures); i++) {
        AUTO(text) struct text why = {0};
        struct cel_program *p = compiled(schema, failures[i].expression, &why);
        struct cel_result r = {0};

        CU_ASSERT_PTR_NOT_NULL_FATAL(p);
        cel_evaluate(p, &(struct cel_bindings){.self = self}, &r);

        CU_ASSERT(r.has_failed);
        CU_ASSERT_STRING_EQUAL(text_c(&r.error), failures[i].error);
        cel_result_release(&r);
        cel_free(p);
    }
}

static void test_refusals(void)
{
    AUTO(value) struct value schema = json(schema_text);
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
        AUTO(text) struct text why = {0};
        struct cel_program *p = compiled(schema, refusals[i].expression, &why);

        if (!str_contains(text_str(&why), str_from(refusals[i].why)))
            printf("\n  %s: %s\n", refusals[i].expression, text_c(&why));
        CU_ASSERT_PTR_NULL(p);
        CU_ASSERT(str_contains(text_str(&why), str_from(refusals[i].why)));
        cel_free(p);
    }
}

/* Deep and long expressions are refused, not run into the end of the stack. */
static void test_depth(void)
{
    AUTO(value) struct value schema = json(schema_text);
    const char *const pieces[] = {"(", "!", "-", "[", "1+", "self.?a", ".a"};
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        AUTO(text) struct text expression = {0};
        AUTO(text) struct text why = {0};
        for (int k = 0; k < 20000; k++)
            text_add(&expression, str_from(pieces[i]));

        struct cel_program *p = compiled(schema, text_c(&expression), &why);

        CU_ASSERT_PTR_NULL(p);
        CU_ASSERT(why.size > 0);
    }
}

/* A run that would go on for ever ends. */
static void test_steps(void)
{
    AUTO(value) struct value schema = json("{\"type\":\"object\",\"properties\":{\"l\":{\"type\":"
                                           "\"array\",\"items\":{\"type\":\"integer\"}}}}");
    AUTO(text) struct text list = {0};
    AUTO(text) struct text why = {0};
    struct cel_result r;
    text_add(&list, S("{\"l\":[0"));
    for (int i = 0; i < 300; i++)
        text_add(&list, S(",0"));
    text_add(&list, S("]}"));
    AUTO(value) struct value self = json(text_c(&list));
    struct cel_program *p = compiled(
        schema, "self.l.all(a, self.l.all(b, self.l.all(c, a + b + c == 0)))", &why);

    cel_evaluate(p, &(struct cel_bindings){.self = self}, &r);

    CU_ASSERT(r.has_failed);
    CU_ASSERT_STRING_EQUAL(text_c(&r.error), "operation cancelled: actual cost limit exceeded");
    cel_result_release(&r);
    cel_free(p);
}

/* Rules of a schema on objects: messages, reasons, paths, transitions, ratcheting. */
static const char ruled[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"min\":{\"type\":\"integer\"},\"max\":{\"type\":\"integer\"},"
    "\"class\":{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":\"self == oldSelf\","
    "\"message\":\"class is immutable\"}]},"
    "\"once\":{\"type\":\"string\",\"x-kubernetes-validations\":[{\"rule\":"
    "\"oldSelf.hasValue() || self != 'late'\",\"optionalOldSelf\":true,\"message\":\"too "
    "late\"}]}},"
    "\"x-kubernetes-validations\":[{\"rule\":\"self.min <= self.max\",\"messageExpression\":"
    "\"'min %d is above max %d'.format([self.min, self.max])\",\"fieldPath\":\".min\","
    "\"reason\":\"FieldValueInvalid\"},{\"rule\":\"self.max < 100\"}]}}}";
static const struct {
    const char *object, *old, *error; /* error NULL: none */
} ruled_cases[] = {
    {"{\"spec\":{\"min\":1,\"max\":2}}", NULL, NULL},
    {"{\"spec\":{\"min\":3,\"max\":2}}", NULL,
     "spec.min: Invalid value: \"object\": min 3 is above max 2"},
    {"{\"spec\":{\"min\":3,\"max\":200}}", NULL,
     "spec: Invalid value: \"object\": failed rule: self.max < 100"},
    {"{\"spec\":{\"min\":3}}", NULL,
     "spec: Invalid value: \"object\": no such key: max evaluating rule: self.min <= self.max"},
    {"{\"spec\":{\"min\":1,\"max\":2,\"class\":\"b\"}}", NULL, NULL},
    {"{\"spec\":{\"min\":1,\"max\":2,\"class\":\"b\"}}",
     "{\"spec\":{\"min\":1,\"max\":2,\"class\":\"a\"}}",
     "spec.class: Invalid value: \"string\": class is immutable"},
    {"{\"spec\":{\"min\":3,\"max\":2,\"class\":\"a\"}}",
     "{\"spec\":{\"min\":3,\"max\":2,\"class\":\"a\"}}", NULL},
    {"{\"spec\":{\"min\":1,\"max\":2,\"once\":\"late\"}}", NULL,
     "spec.once: Invalid value: \"string\": too late"},
    {"{\"spec\":{\"min\":1,\"max\":2,\"once\":\"late\"}}",
     "{\"spec\":{\"min\":1,\"max\":2,\"once\":\"x\"}}", NULL},
};
static void test_rules(void)
{
    AUTO(value) struct value schema = json(ruled);
    CU_ASSERT(schema_has_rules(schema));
    for (size_t i = 0; i < ARRAY_COUNT(ruled_cases); i++) {
        AUTO(value) struct value object = json(ruled_cases[i].object);
        AUTO(value)
        struct value old = ruled_cases[i].old ? json(ruled_cases[i].old) : VALUE_ABSENT;
        AUTO(text) struct text got = {0};
        struct field_errors errors = {0};

        rules_check(schema, object, old, &errors);

        for (size_t k = 0; k < errors.count; k++)
            text_printf(&got, "%s%s: %s", k > 0 ? "|" : "", text_c(&errors.items[k].path),
                        text_c(&errors.items[k].body));
        if (ruled_cases[i].error)
            CU_ASSERT(str_contains(text_str(&got), str_from(ruled_cases[i].error)))
        else
            CU_ASSERT_EQUAL(errors.count, 0);
        if (ruled_cases[i].error && !str_contains(text_str(&got), str_from(ruled_cases[i].error)))
            printf("\n  %s\n", text_c(&got));
        field_errors_release(&errors);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {{"expressions that hold", test_truths},
                           {"expressions that fail", test_failures},
                           {"expressions that are refused", test_refusals},
                           {"depth", test_depth},
                           {"steps", test_steps},
                           {"rules", test_rules},
                           CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"cel", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed > 0;
}
