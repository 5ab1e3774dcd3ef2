-- KaituNode follows kstatus: observedGeneration, Stalled, Reconciling, then Ready.
local function says(condition)
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

if obj.metadata.deletionTimestamp ~= nil then
  return {status = "Progressing", message = "is being deleted"}
end
if obj.spec.suspend == true then
  return {status = "Suspended", message = "spec.suspend is true: nobody looks at this node"}
end

local seen = obj.status ~= nil and obj.status.conditions ~= nil
if not seen or obj.status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "waits for the operator to look at this spec"}
end

local at = {}
for _, condition in ipairs(obj.status.conditions) do
  at[condition.type] = condition
end

if at.Stalled ~= nil and at.Stalled.status == "True" then
  return {status = "Degraded", message = says(at.Stalled)}
end
if at.Reconciling ~= nil and at.Reconciling.status == "True" then
  return {status = "Progressing", message = says(at.Reconciling)}
end
if at.Ready ~= nil and at.Ready.status == "True" then
  return {status = "Healthy", message = says(at.Ready)}
end
if at.Ready ~= nil and at.Ready.status == "False" then
  return {status = "Degraded", message = says(at.Ready)}
end
if at.Ready ~= nil then
  return {status = "Progressing", message = says(at.Ready)}
end
return {status = "Progressing", message = "waits for the first visit"}
