/* JSON Schemas (2020-12) of what the tools answer, as tools/list tells them: enough to use an
 * answer; docs/schema has all of it. */
#ifndef AKS_CLI_MCP_SCHEMAS_H
#define AKS_CLI_MCP_SCHEMAS_H

extern const char aks_mcp_schema_sync[];
extern const char aks_mcp_schema_status[];
extern const char aks_mcp_schema_history[];
extern const char aks_mcp_schema_verify[];
extern const char aks_mcp_schema_explain[];

#endif
