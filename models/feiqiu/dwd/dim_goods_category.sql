-- kind: scd2
-- key: [category_id]
-- depends_on:
--   - feiqiu_ods.stock_goods_category_tree__versions
-- description: >-
--   Categories of goods over time: the tree of two levels, flattened. A record of the source is a category of the first
--   level with those below it, so one that is missing there from some version on is gone since then.
-- columns:
--   category_id: {description: The category, not_null: true}
--   parent_id: {description: Category above it; null on the first level}
--   level: {description: "1 or 2", not_null: true}
--   is_leaf: {description: Has no categories below it, not_null: true}
--   category_name: {description: Name}
--   category_path: {description: "Names from the first level down, with / between them"}
--   alias_name: {description: Other name; null without one}
--   business_name: {description: Business that it belongs to}
--   business_id: {description: Number of that business}
--   is_stocked: {description: Stock of its goods is kept}
--   is_salesman_open: {description: Sales can be credited to somebody}
--   sort_order: {description: Place among those beside it}
--   _batch_id: {description: Landing that brought the version}
with trees as (
    select
        v.id as tree_id,
        v.payload,
        v._batch_id,
        v._seen_at,
        v._version,
        v._deleted_at
    from feiqiu_ods.stock_goods_category_tree__versions as v
),

nodes as (
    select
        t.tree_id,
        t._version,
        1 as level,
        t.payload as node
    from trees as t

    union all

    select
        t.tree_id,
        t._version,
        2,
        below.node
    from trees as t
    cross join lateral jsonb_array_elements(t.payload -> 'categoryBoxes') as below (node)
),

-- Every category that a tree ever had, in every version of the tree from the first one that had it.
known as (
    select
        n.tree_id,
        terrace.to_bigint(n.node ->> 'id') as category_id,
        min(n._version) as first_version
    from nodes as n
    group by
        n.tree_id,
        terrace.to_bigint(n.node ->> 'id')
),

-- What a category was when it was there last: a version without it repeats that, and is the end of it.
versions as (
    select
        k.category_id,
        last_seen.level,
        last_seen.node,
        last_seen._version <> t._version as is_gone,
        t.payload,
        t._batch_id,
        t._seen_at,
        t._version,
        t._deleted_at
    from known as k
    join trees as t
        on t.tree_id = k.tree_id
        and t._version >= k.first_version
    cross join lateral (
        select
            n.level,
            n.node,
            n._version
        from nodes as n
        where n.tree_id = k.tree_id
            and n._version <= t._version
            and terrace.to_bigint(n.node ->> 'id') = k.category_id
        order by n._version desc
        limit 1
    ) as last_seen
)

select
    v.category_id,
    nullif(terrace.to_bigint(v.node ->> 'pid'), 0) as parent_id,
    v.level,
    jsonb_array_length(v.node -> 'categoryBoxes') = 0 as is_leaf,
    v.node ->> 'category_name' as category_name,
    concat_ws(' / ', case when v.level = 2 then v.payload ->> 'category_name' end, v.node ->> 'category_name') as category_path,
    nullif(v.node ->> 'alias_name', '') as alias_name,
    v.node ->> 'business_name' as business_name,
    terrace.to_bigint(v.node ->> 'tenant_goods_business_id') as business_id,
    terrace.to_bigint(v.node ->> 'is_warehousing') = 1 as is_stocked,
    terrace.to_bigint(v.node ->> 'open_salesman') = 1 as is_salesman_open,
    terrace.to_bigint(v.node ->> 'sort')::integer as sort_order,
    v._batch_id,
    v._seen_at,
    v._version,
    case when v.is_gone then least(v._deleted_at, v._seen_at) else v._deleted_at end as _deleted_at
from versions as v
