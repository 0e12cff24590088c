/* SPDX-License-Identifier: MIT */
/*
 * The balanced tree against a plain array: the same members in the same order, balanced
 * at every node, and what `update` keeps about a subtree right everywhere, after any
 * insertions and removals.
 */
#include "tree.h"

#include "assert.h"
#include "unit.h"

#define ITEMS 400
#define ROUNDS 20000

struct item {
    struct tree_node node;
    uint32_t key;
    uint32_t size; /* of the subtree, kept by `update` */
    bool in;
};

static struct item items[ITEMS];

static struct item *item_of(const struct tree_node *node)
{
    return container_of(node, struct item, node);
}

static bool before(const struct tree_node *a, const struct tree_node *b)
{
    return item_of(a)->key < item_of(b)->key;
}

static bool at_least(const struct tree_node *node, const void *key)
{
    return item_of(node)->key >= *(const uint32_t *)key;
}

static uint32_t size_of(const struct tree_node *node)
{
    return node ? item_of(node)->size : 0;
}

static void update(struct tree_node *node)
{
    item_of(node)->size = 1 + size_of(node->left) + size_of(node->right);
}

static int tall(const struct tree_node *node)
{
    return node ? node->height : 0;
}

/* Checks a subtree; answers how many nodes it has. `last` is the key before it. */
static uint32_t check_subtree(const struct tree_node *node, int64_t *last)
{
    if (!node)
        return 0;
    uint32_t left = check_subtree(node->left, last);
    int lean = tall(node->left) - tall(node->right);
    int higher =
        tall(node->left) > tall(node->right) ? tall(node->left) : tall(node->right);

    assert_true(*last < item_of(node)->key);
    *last = item_of(node)->key;
    assert_true(item_of(node)->in);
    assert_true(lean >= -1 && lean <= 1);
    assert_int_equal(node->height, 1 + higher);
    uint32_t count = left + 1 + check_subtree(node->right, last);
    assert_int_equal(item_of(node)->size, count);
    return count;
}

static void check_tree(const struct tree *tree, uint32_t count)
{
    int64_t last = -1;

    assert_int_equal(check_subtree(tree->root, &last), count);
}

static struct tree begin(void)
{
    memset(items, 0, sizeof(items));
    for (uint32_t i = 0; i < ITEMS; i++)
        items[i].key = 2 * i;
    return (struct tree){.before = before, .update = update};
}

static void add(struct tree *tree, uint32_t index)
{
    items[index].in = true;
    tree_insert(tree, &items[index].node);
}

static void take(struct tree *tree, uint32_t index)
{
    tree_remove(tree, &items[index].node);
    items[index].in = false;
}

static void insertion_in_order_stays_balanced(void **state)
{
    struct tree tree = begin();

    for (uint32_t i = 0; i < ITEMS; i++) {
        add(&tree, i);
        check_tree(&tree, i + 1);
    }
    for (uint32_t i = 0; i < ITEMS; i++) {
        take(&tree, i);
        check_tree(&tree, ITEMS - i - 1);
    }
    assert_null(tree.root);
}

static void insertion_backwards_stays_balanced(void **state)
{
    struct tree tree = begin();

    for (uint32_t i = ITEMS; i-- > 0;)
        add(&tree, i);
    check_tree(&tree, ITEMS);
    for (uint32_t i = ITEMS; i-- > 0;)
        take(&tree, i);
    assert_null(tree.root);
}

static void random_changes_keep_order_and_balance(void **state)
{
    struct tree tree = begin();
    uint32_t count = 0;

    random_begin();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = random_below(ITEMS);
        if (items[index].in) {
            take(&tree, index);
            count--;
        } else {
            add(&tree, index);
            count++;
        }
        if (round % 16 == 0)
            check_tree(&tree, count);
    }
    check_tree(&tree, count);
}

static void search_finds_the_first_that_qualifies(void **state)
{
    struct tree tree = begin();

    random_begin();
    for (uint32_t i = 0; i < ITEMS; i++)
        if (random_below(3) == 0)
            add(&tree, i);
    for (uint32_t key = 0; key < 2 * ITEMS + 2; key++) {
        uint32_t i = (key + 1) / 2;
        while (i < ITEMS && !items[i].in)
            i++;
        struct tree_node *found = tree_search(&tree, at_least, &key);
        assert_ptr_equal(found, i < ITEMS ? &items[i].node : NULL);
    }
}

static void first_is_the_least(void **state)
{
    struct tree tree = begin();

    assert_null(tree_first(&tree));
    add(&tree, 7);
    add(&tree, 3);
    add(&tree, 9);
    assert_ptr_equal(tree_first(&tree), &items[3].node);
}

static void equal_nodes_are_a_kernel_bug(void **state)
{
    struct tree tree = begin();

    items[1].key = items[0].key;
    add(&tree, 0);
    expect_panic(add(&tree, 1));
}

static void removing_a_stranger_is_a_kernel_bug(void **state)
{
    struct tree tree = begin();

    add(&tree, 0);
    expect_panic(take(&tree, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(insertion_in_order_stays_balanced),
        cmocka_unit_test(insertion_backwards_stays_balanced),
        cmocka_unit_test(random_changes_keep_order_and_balance),
        cmocka_unit_test(search_finds_the_first_that_qualifies),
        cmocka_unit_test(first_is_the_least),
        cmocka_unit_test(equal_nodes_are_a_kernel_bug),
        cmocka_unit_test(removing_a_stranger_is_a_kernel_bug),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
