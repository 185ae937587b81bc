-- Up Migration
-- They act with the rights of their owner, and whoever may use the schema could call them.
REVOKE EXECUTE ON FUNCTION auth.make_audit_month(timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION auth.drop_audit_month(timestamptz) FROM PUBLIC;

-- Down Migration
GRANT EXECUTE ON FUNCTION auth.make_audit_month(timestamptz) TO PUBLIC;
GRANT EXECUTE ON FUNCTION auth.drop_audit_month(timestamptz) TO PUBLIC;
