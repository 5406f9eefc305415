"""What a read query in Cypher may hold: procedures, functions, and kinds of nodes of its parse tree."""

from __future__ import annotations

PROCEDURES = frozenset(
    "db.labels db.relationshipTypes db.propertyKeys db.schema.visualization db.schema.nodeTypeProperties "
    "db.schema.relTypeProperties db.index.vector.queryNodes db.index.vector.queryRelationships "
    "db.index.fulltext.queryNodes db.index.fulltext.queryRelationships vector_search.search "
    "vector_search.search_edges text_search.search text_search.search_all text_search.regex_search".split()
)
"""The procedures that a read query may call; the last five are Memgraph's."""

FUNCTIONS = frozenset(
    # of entities, paths and lists
    "id elementid labels type properties keys startnode endnode nodes relationships length size head last "
    "tail range reverse reduce coalesce nullif isempty degree indegree outdegree shortestpath "
    "allshortestpaths "
    # predicates and aggregates
    "all any none single exists count collect sum avg min max stdev stdevp percentilecont percentiledisc "
    # numbers
    "abs ceil floor round sign sqrt exp log log10 e pi sin cos tan cot asin acos atan atan2 degrees radians "
    "haversin isnan rand "
    # text
    "tolower toupper lower upper trim ltrim rtrim btrim replace split substring left right char_length "
    "character_length normalize "
    # conversions
    "tostring tointeger tofloat toboolean tostringornull tointegerornull tofloatornull tobooleanornull "
    "tostringlist tointegerlist tofloatlist tobooleanlist valuetype timestamp "
    # time, place and vectors
    "date time datetime localtime localdatetime duration date.truncate datetime.truncate "
    "localdatetime.truncate time.truncate localtime.truncate duration.between "
    "duration.inmonths duration.indays duration.inseconds "
    "datetime.fromepoch datetime.fromepochmillis point point.distance point.withinbbox "
    "vector.similarity.cosine vector.similarity.euclidean".split()
)
"""The functions that a read query may call, in lower case; none reads files or the network."""

CALL_NOTHING = frozenset(
    "match where and or xor not in return with unwind when then else case by on as distinct contains "
    "shortest path paths group groups skip limit optional call is".split()
)
"""Words that may stand before a parenthesis and call nothing."""

READING = frozenset(
    # of graphglot's tree; every other kind is refused, whatever it does
    "AbbreviatedEdgePattern AggregateFunction AllShortestPathSearch AmbientLinearQueryStatement Anonymous "
    "AnyShortestPathSearch ApproximateNumericType ArithmeticAbsoluteValueFunction ArithmeticFactor "
    "ArithmeticTerm ArithmeticValueExpression Asterisk Atan2 BinarySetFunction BindingVariableReference "
    "BindingVariableReferenceList BooleanFactor BooleanLiteral BooleanTerm BooleanTest BooleanType "
    "BooleanValueExpression CallProcedureStatement CaseAbbreviation CastSpecification "
    "CatalogObjectParentReference CatalogProcedureParentAndName CeilingFunction CharLengthExpression "
    "CharacterStringLiteral CharacterStringType CharacterStringValueExpression CommonLogarithm "
    "ComparisonPredicate ComparisonPredicatePart2 CompositeQueryExpression ConcatenationValueExpression "
    "CountedShortestPathSearch CypherChainedComparison CypherPatternComprehension CypherPatternPredicate "
    "CypherReduce CypherSliceExpression CypherSubscriptExpression CypherTemporalCast CypherTemporalMethod "
    "CypherWithStatement DateFunction DateType DatetimeFunction DatetimeSubtraction "
    "DatetimeSubtractionParameters DatetimeType DatetimeValueExpression DependentValueExpression "
    "DurationFactor DurationFunction DurationTerm DurationValueExpression ElementIdFunction "
    "ElementPatternFiller ElementPatternWhereClause ElementPropertySpecification ElementVariableDeclaration "
    "ElseClause EndNode ExponentialFunction Factor Field FieldList FieldsSpecification FixedQuantifier "
    "FloorFunction Fold ForItem ForItemAlias ForStatement FullEdgeAnyDirection FullEdgePointingLeft "
    "FullEdgePointingRight GeneralParameterReference GeneralQuantifier GeneralSetFunction "
    "GeneralSetFunctionType GeneralValueSpecification GqlProgram GraphPattern GraphPatternBindingTable "
    "GraphPatternWhereClause Haversin Head Identifier InPredicate InlineProcedureCall IsEmpty "
    "IsLabelExpression IsLabeledOrColon IsNaN Keys LabelExpression LabelName LabelNegation LabelTerm "
    "LabeledPredicate LabeledPredicatePart2 Labels Last LimitClause LinearCatalogModifyingStatement "
    "ListComprehension ListElementList ListPredicateFunction ListValueConstructorByEnumeration "
    "ListValueExpression LocaldatetimeFunction LocaldatetimeType LocaltimeFunction LocaltimeType "
    "ModulusExpression MultiCharacterTrimFunction NamedProcedureCall NaturalLogarithm "
    "NestedProcedureSpecification NodePattern Nodes NormalizeFunction NullLiteral NullPredicate "
    "NullPredicatePart2 NumericValueExpression OffsetClause OptionalMatchStatement OptionalOperand "
    "OrderByAndPageStatement OrderByClause OrderingSpecification ParenthesizedBooleanValueExpression "
    "ParenthesizedLabelExpression ParenthesizedValueExpression PathLengthExpression PathPattern "
    "PathPatternList PathTerm PathValueExpression PathVariableDeclaration Pi PointConstructor PointDistance "
    "PointWithinBBox PowerFunction PrimitiveResultStatement ProcedureArgumentList ProcedureBody Properties "
    "PropertyKeyValuePair PropertyKeyValuePairList PropertyName PropertyReference QuantifiedPathPrimary "
    "QueryConjunction Rand RangeFunc RecordConstructor RegexMatchPredicate Relationships Replace ReturnItem "
    "ReturnItemAlias ReturnItemList ReturnStatement ReturnStatementBody ReverseFunc Round SearchedCase "
    "SearchedWhenClause SetOperator SetQuantifier SignFunc SignedBinaryExactNumericType SimpleCase "
    "SimpleLinearQueryStatement SimpleMatchStatement SimpleWhenClause SingleCharacterTrimFunction Size "
    "SortSpecification SortSpecificationList Split SquareRoot StartNode StatementBlock StringMatchPredicate "
    "Substring SubstringFunction Tail Term TimeFunction TimeType TimestampFunc ToBooleanList "
    "ToBooleanOrNull ToFloatList ToFloatOrNull ToIntegerList ToIntegerOrNull ToLower ToStringList "
    "ToStringOrNull ToUpper TransactionActivity TrigonometricFunction TrigonometricFunctionName "
    "TrimOperands TypeFunc UnsignedInteger UnsignedNumericLiteral ValueTypeFunc VariableScopeClause "
    "WhenOperandList WhereClause WildcardLabel YieldClause YieldItem YieldItemAlias YieldItemList _Acos "
    "_Asin _Atan _Avg _CoalesceLeftParenListValueExpressionRightParen _CollectList _Colon _Cos _Cot _Count "
    "_CountAsterisk _DateLeftParenDateFunctionParametersRightParen _Degrees _Float _Int "
    "_LocalDatetimeLeftParenDatetimeFunctionParametersRightParen _Max _Min _MultiplicativeFactor "
    "_NullifLeftParenValueExpressionCommaValueExpressionRightParen _OpBooleanTerm "
    "_OrderByClauseOffsetClauseLimitClause _ProcedureSpecificationEndTransactionCommand "
    "_ProgramActivitySessionCloseCommand _QueryConjunctionElement _Radians "
    "_ReturnStatementOrderByAndPageStatement _SetQuantifierAsteriskGroupByClause "
    "_SetQuantifierReturnItemListGroupByClause _SignedDurationTerm _SignedTerm "
    "_SimpleLinearQueryStatementPrimitiveResultStatement _Sin _StddevPop _StddevSamp _String _Sum _Tan "
    "_ZonedDatetimeLeftParenDatetimeFunctionParametersRightParen "
    "_ZonedTimeLeftParenTimeFunctionParametersRightParen".split()
)
"""The kinds of nodes of queries that match, filter, compute and return; `LinearCatalogModifyingStatement` is
how the grammar calls a query that is only a CALL."""
