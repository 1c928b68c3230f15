// What has to wake somebody. The queries go by the functions' names in `requests`, which the host writes whatever the
// app does, and by one line of the app's own, `poison_waiting`; tests hold both to the code.

param location string
param tags object
param componentId string
param topicId string
param actionGroupId string

@description('Functions that have to have succeeded within the last half hour.')
param watchedTimers array = [
  'poll'
  'commit'
  'relay_sweep'
]

resource timerStale 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [for timer in watchedTimers: {
  name: 'triage-stale-${replace(timer, '_', '-')}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Bounce Triage: ${timer} is stale'
    description: 'The function ${timer} has not succeeded for 30 minutes. docs/deploy.md, "When an alert comes".'
    severity: 1
    enabled: true
    scopes: [
      componentId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    criteria: {
      allOf: [
        {
          query: 'requests | where name == "${timer}" and success == true'
          timeAggregation: 'Count'
          operator: 'LessThan'
          threshold: 1
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    skipQueryValidation: true
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]

// Two signs: the host's warning when it gives a message up, at once; and the count that the app writes with each sweep,
// for as long as a message lies there.
resource poisonWaits 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = {
  name: 'triage-poison-waits'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Bounce Triage: a message was given up'
    description: 'A poison queue is not empty: triage poison list. docs/deploy.md, "When an alert comes".'
    severity: 2
    enabled: true
    scopes: [
      componentId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
    criteria: {
      allOf: [
        {
          query: '''
let given_up = traces
| where message contains "Moving message to queue" and message contains "-poison"
| project line = message;
let lying_there = traces
| where message contains "poison_waiting"
| extend waiting = toint(extract('count\\W+([0-9]+)', 1, message)), queue = extract('queue\\W+([a-z-]+)', 1, message)
| summarize arg_max(timestamp, waiting) by queue
| where waiting > 0
| project line = strcat(queue, ": ", waiting);
union given_up, lying_there
'''
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    skipQueryValidation: true
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}

// One failure is retried by the queue or by the next run of the timer; three of one function in a quarter of an hour
// are no accident.
resource failures 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = {
  name: 'triage-failures'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Bounce Triage: a function keeps failing'
    description: 'A function failed three times within 15 minutes. docs/deploy.md, "When an alert comes".'
    severity: 2
    enabled: true
    scopes: [
      componentId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: 'requests | where success == false'
          timeAggregation: 'Count'
          operator: 'GreaterThanOrEqual'
          threshold: 3
          dimensions: [
            {
              name: 'name'
              operator: 'Include'
              values: [
                '*'
              ]
            }
          ]
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    skipQueryValidation: true
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'triage-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Grid could not deliver an event for 24 hours: a blob in inbox was not read. docs/deploy.md, "When an alert comes".'
    severity: 1
    enabled: true
    scopes: [
      topicId
    ]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'dead-lettered'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.EventGrid/systemTopics'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    autoMitigate: true
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}
