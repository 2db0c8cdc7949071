// The file that `portcullis init` writes: small, commented, safe as it stands. Data only.

export const INITIAL = `# Portcullis. Check it with: portcullis validate. What each key means: portcullis validate --print
version: 1

# Where MCP clients connect: http://127.0.0.1:8080/mcp
listen:
  host: 127.0.0.1
  port: 8080

# The MCP servers behind the gateway. Have a client configuration already? portcullis import mcp.json
servers:
  # a program that speaks MCP over stdio; started without a shell and with a minimal environment
  - name: files
    command: npx
    args: ["-y", "@modelcontextprotocol/server-filesystem", "."]
    tags: [local]
  # a server on the network; values such as keys come from the environment or from files
  # - name: search
  #   url: https://search.example.com/mcp
  #   headers: { X-Api-Key: "\${env:SEARCH_KEY}" }

# Two gates: nothing loads unless plugins are enabled and the plugin's id is allowed.
plugins:
  enabled: true
  allowed: [rules, deny-list]
  entries:
    # lower priorities run first; before and after a call the first one that denies ends it
    - name: no-secrets-out
      use: deny-list
      hooks: [tool_pre_invoke]
      priority: 20
      config:
        words: ["BEGIN RSA PRIVATE KEY", "BEGIN OPENSSH PRIVATE KEY"]

# Rules without code.
policies:
  - name: no-deletes
    on: [tool_pre_invoke]
    conditions: [{ tools: ["*delete*", "*remove*"] }]
    when: '!("admin" in principal.roles)'
    then: deny
    code: NO_DELETES
    reason: deleting needs the admin role
    priority: 10
`
