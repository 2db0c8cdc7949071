// Pin: every point, whether it fires, and what a patch may name. Red means: did you mean it? Then change this, the changelog and docs together.
import { expect, it } from 'vitest'
import { declarationOf, POINT_NAMES } from '../../src/points/table.ts'

const PINNED = `
http_pre_request fired headers
http_post_request fired headers
session_pre_open fired capabilities
session_post_close fired -
prompt_pre_fetch fired name,arguments
prompt_post_fetch fired messages,description,_meta,error
tool_pre_invoke fired name,arguments,headers
tool_post_invoke fired content,structuredContent,isError,_meta,error
resource_pre_fetch fired uri
resource_post_fetch fired contents,_meta,error
resource_pre_subscribe fired uri,filter
tool_post_list fired items
prompt_post_list fired items
resource_post_list fired items
roots_post_list fired items
argument_pre_complete fired argument
argument_post_complete fired values,error
completion_pre_request fired messages,modelPreferences,systemPrompt,tools,maxTokens
completion_post_response fired content
elicitation_pre_create fired message,schema
elicitation_post_response fired content
notification_pre_forward fired params
stream_pre_open fired -
stream_pre_update fired -
stream_message fired message
stream_pre_close fired -
cache_pre_get later key
cache_post_get later entry
cache_pre_put later key,ttl,entry
cache_pre_update later ttl,entry
cache_pre_evict later -
auth_pre_check fired -
auth_post_check fired decision
error_raised fired -
server_pre_register fired entity
server_post_register fired -
server_pre_update fired entity
server_post_update fired -
server_pre_unregister fired entity
server_post_unregister fired -
server_pre_admit fired -
server_status_changed fired -
tool_pre_register fired entity
tool_post_register fired -
tool_pre_update fired entity
tool_post_update fired -
tool_pre_unregister fired -
tool_post_unregister fired -
prompt_pre_register fired entity
prompt_post_register fired -
prompt_pre_update fired entity
prompt_post_update fired -
prompt_pre_unregister fired -
prompt_post_unregister fired -
resource_pre_create fired entity
resource_post_create fired -
resource_pre_update fired entity
resource_post_update fired -
resource_pre_delete fired -
resource_post_delete fired -
auth_pre_create fired entity
auth_post_create fired -
auth_pre_update fired entity
auth_post_update fired -
auth_pre_delete fired entity
auth_post_delete fired -
federation_pre_sync later entity
federation_post_sync later -
federation_pre_create fired entity
federation_post_create fired -
federation_pre_update fired entity
federation_post_update fired -
federation_pre_delete fired entity
federation_post_delete fired -
plugin_pre_load fired -
plugin_post_load fired -
plugin_pre_install later entity
plugin_post_install later -
plugin_pre_update later entity
plugin_post_update later -
plugin_pre_uninstall later entity
plugin_post_uninstall later -
config_pre_reload fired -
config_post_reload fired -
alert_raised later -
anomaly_detected later -
sla_breached later -
session_opened later -
execution_completed later -
`

it('no point is renamed, removed or added, and no writable field changes, by accident', () => {
  const now = POINT_NAMES.map((name) => {
    const { wired, writable } = declarationOf(name)
    return `${name} ${wired === true ? 'fired' : 'later'} ${Object.keys(writable).join(',') || '-'}`
  })
  expect(now).toEqual(PINNED.trim().split('\n'))
})
