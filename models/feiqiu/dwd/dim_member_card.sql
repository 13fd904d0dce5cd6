-- kind: scd2
-- key: [member_card_id]
-- depends_on:
--   - feiqiu_ods.member_stored_value_cards__versions
--   - feiqiu_ref.card_status
-- scd2:
--   # What is on a card moves with every order: it is overwritten, and makes no version.
--   track: [
--     site_id, member_id, member_name, card_type_id, card_type_name, table_price_share,
--     goods_price_share, assistant_price_share, card_status, can_cross_sites, is_removed, usable_from,
--     usable_until, issued_at
--   ]
-- description: >-
--   Stored-value cards over time; what is on a card changes with every order and holds the last amount seen within a
--   version. One member may have many cards.
-- columns:
--   member_card_id: {description: The card, not_null: true}
--   site_id: {description: Hall in which the card was issued, not_null: true}
--   member_id: {description: Member whose card it is, not_null: true}
--   member_name: {description: Name of the member as it stood on the card}
--   card_type_id: {description: Kind of card}
--   card_type_name: {description: Name of the kind}
--   table_price_share: {description: "Share of the table fee that is paid with it: 0.9 is ten percent off"}
--   goods_price_share: {description: The same of goods}
--   assistant_price_share: {description: The same of assistants}
--   card_status: {description: Whether it can be used}
--   can_cross_sites: {description: Can be used in other halls of the tenant}
--   is_removed: {description: The source marks it as deleted}
--   usable_from: {description: Beginning of its validity}
--   usable_until: {description: End of its validity}
--   balance_amount: {description: Yuan on it when last seen}
--   principal_amount: {description: "of which: paid for, not given"}
--   last_consumed_at: {description: "When it last paid, as last seen; null for never"}
--   issued_at: {description: When it was issued}
--   _batch_id: {description: Landing that brought the version}
select
    v.id as member_card_id,
    terrace.to_bigint(v.payload ->> 'register_site_id') as site_id,
    terrace.to_bigint(v.payload ->> 'tenant_member_id') as member_id,
    v.payload ->> 'member_name' as member_name,
    terrace.to_bigint(v.payload ->> 'card_type_id') as card_type_id,
    v.payload ->> 'member_card_type_name' as card_type_name,
    (terrace.to_numeric(v.payload ->> 'table_discount') / 10)::numeric(5, 3) as table_price_share,
    (terrace.to_numeric(v.payload ->> 'goods_discount') / 10)::numeric(5, 3) as goods_price_share,
    (terrace.to_numeric(v.payload ->> 'assistant_discount') / 10)::numeric(5, 3) as assistant_price_share,
    coalesce(status.label_en, v.payload ->> 'status') as card_status,
    terrace.to_bigint(v.payload ->> 'able_cross_site') = 1 as can_cross_sites,
    terrace.to_bigint(v.payload ->> 'is_delete') = 1 as is_removed,
    terrace.to_timestamptz(v.payload ->> 'start_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as usable_from,
    terrace.to_timestamptz(v.payload ->> 'end_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as usable_until,
    terrace.to_numeric(v.payload ->> 'balance')::numeric(14, 2) as balance_amount,
    terrace.to_numeric(v.payload ->> 'principal_balance')::numeric(14, 2) as principal_amount,
    terrace.to_timestamptz(v.payload ->> 'last_consume_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as last_consumed_at,
    terrace.to_timestamptz(v.payload ->> 'create_time', 'YYYY-MM-DD HH24:MI:SS', 'Asia/Shanghai') as issued_at,
    v._batch_id,
    v._seen_at,
    v._version,
    v._deleted_at
from feiqiu_ods.member_stored_value_cards__versions as v
left join feiqiu_ref.card_status as status
    on status.code = terrace.to_bigint(v.payload ->> 'status')
